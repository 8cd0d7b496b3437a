// SPDX-License-Identifier: GPL-2.0
/* Stub of the NVIDIA kernel driver: what it tells through its files. */
#include <linux/dmi.h>
#include <linux/siphash.h>
#include <linux/string.h>

#include "nv-stub.h"

/* Read anew each time: a device that died answers with all ones. */
bool nv_gpu_alive(struct nv_gpu *gpu)
{
	u16 vendor;

	if (pci_read_config_word(gpu->pdev, PCI_VENDOR_ID, &vendor))
		return false;
	return vendor != 0xffff;
}

/*
 * The same function of the same machine always has the same UUID, and no two
 * machines share one: it is derived from the DMI product UUID and the bus id.
 */
static void nv_format_uuid(struct nv_gpu *gpu, char *out)
{
	static const siphash_key_t keys[2] = {{{1, 2}}, {{3, 4}}};
	const char *machine = dmi_get_system_info(DMI_PRODUCT_UUID);
	char seed[96];
	u64 a, b;
	int len;

	if (nv_same_uuid)
		len = scnprintf(seed, sizeof(seed), "same");
	else
		len = scnprintf(seed, sizeof(seed), "%s %s", machine ? machine : "",
				pci_name(gpu->pdev));
	a = siphash(seed, len, &keys[0]);
	b = siphash(seed, len, &keys[1]);
	snprintf(out, NV_UUID_LEN, "GPU-%08x-%04x-%04x-%04x-%012llx", (u32)(a >> 32),
		 (u16)(a >> 16), (u16)a, (u16)(b >> 48), b & 0xffffffffffffULL);
}

/* PCI Express Base Specification, Link Capabilities and Link Status. */
static void nv_show_link(struct seq_file *m, struct pci_dev *pdev)
{
	u32 cap = 0;
	u16 sta = 0;

	if (pci_is_pcie(pdev)) {
		pcie_capability_read_dword(pdev, PCI_EXP_LNKCAP, &cap);
		pcie_capability_read_word(pdev, PCI_EXP_LNKSTA, &sta);
	}
	seq_printf(m, " link_gen=%u link_width=%u max_link_gen=%u max_link_width=%u",
		   sta & PCI_EXP_LNKSTA_CLS, (sta & PCI_EXP_LNKSTA_NLW) >> PCI_EXP_LNKSTA_NLW_SHIFT,
		   cap & PCI_EXP_LNKCAP_SLS, (cap & PCI_EXP_LNKCAP_MLW) >> 4);
}

static void nv_show_gpu(struct seq_file *m, struct nv_gpu *gpu)
{
	struct pci_dev *pdev = gpu->pdev;
	char uuid[NV_UUID_LEN];

	nv_format_uuid(gpu, uuid);
	seq_printf(
		m,
		"gpu minor=%u bus=%s vendor=%04x device=%04x subvendor=%04x subdevice=%04x uuid=%s",
		gpu->minor, pci_name(pdev), pdev->vendor, pdev->device, pdev->subsystem_vendor,
		pdev->subsystem_device, uuid);
	seq_printf(m, " alive=%d lost=%d bar0_mib=%llu", nv_gpu_alive(gpu),
		   nv_lost_gpu == (int)gpu->minor, (u64)pci_resource_len(pdev, 0) >> 20);
	nv_show_link(m, pdev);
	seq_putc(m, '\n');
}

/* What nvidia-smi reads from /dev/nvidiactl: one line, then one a GPU. */
int nv_show_control(struct seq_file *m, void *unused)
{
	unsigned int i;

	seq_printf(m, "stub version=%s smi_exit=%d\n", NV_VERSION, nv_smi_exit);
	mutex_lock(&nv_lock);
	for (i = 0; i < NV_MAX_GPUS; i++) {
		if (!nv_gpus[i])
			continue;
		if (nv_fail_init == (int)i) {
			pr_err("NVRM: GPU %s: RmInitAdapter failed! (0x00:0x00:0) (stub driver, "
			       "knob fail_init)\n",
			       pci_name(nv_gpus[i]->pdev));
			continue;
		}
		nv_show_gpu(m, nv_gpus[i]);
	}
	mutex_unlock(&nv_lock);
	return 0;
}

int nv_show_version(struct seq_file *m, void *unused)
{
	seq_puts(m, "NVRM version: SIMULATED STUB kernel module  " NV_VERSION
		    "  (lab only, contains no NVIDIA code)\n");
	seq_puts(m, "GCC version:  " CONFIG_CC_VERSION_TEXT "\n");
	return 0;
}

int nv_show_information(struct seq_file *m, void *unused)
{
	struct nv_gpu *gpu = m->private;
	char uuid[NV_UUID_LEN];

	nv_format_uuid(gpu, uuid);
	seq_printf(m, "Model: \t\t SIMULATED GPU %04x:%04x (stub driver)\n", gpu->pdev->vendor,
		   gpu->pdev->device);
	seq_printf(m, "IRQ:   \t\t %u\n", gpu->pdev->irq);
	seq_printf(m, "GPU UUID: \t %s\n", uuid);
	seq_puts(m, "Video BIOS: \t ??.??.??.??.??\n");
	seq_printf(m, "Bus Type: \t %s\n", pci_is_pcie(gpu->pdev) ? "PCIe" : "PCI");
	seq_printf(m, "Bus Location: \t %s\n", pci_name(gpu->pdev));
	seq_printf(m, "Device Minor: \t %u\n", gpu->minor);
	seq_puts(m, "GPU Excluded:\t No\n");
	return 0;
}
