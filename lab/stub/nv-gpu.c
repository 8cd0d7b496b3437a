// SPDX-License-Identifier: GPL-2.0
/* Stub of the NVIDIA kernel driver: binding to a PCI function. */
#include <linux/slab.h>

#include "nv-stub.h"

struct nv_gpu *nv_gpus[NV_MAX_GPUS];
DEFINE_MUTEX(nv_lock);

/* Counts down in the knob; a negative one fails every probe. */
static bool nv_probe_shall_fail(void)
{
	bool fail;

	mutex_lock(&nv_lock);
	fail = nv_fail_probe != 0;
	if (nv_fail_probe > 0)
		nv_fail_probe--;
	mutex_unlock(&nv_lock);
	return fail;
}

static int nv_check_config_space(struct pci_dev *pdev)
{
	u16 vendor;

	pci_read_config_word(pdev, PCI_VENDOR_ID, &vendor);
	if (vendor != 0xffff)
		return 0;
	pr_err("NVRM: stub driver: GPU %s: config space reads 0xffff, the GPU has fallen off the "
	       "bus.\n",
	       pci_name(pdev));
	return -ENODEV;
}

/* A BAR without an address keeps IORESOURCE_UNSET, or starts at 0. */
static int nv_check_bar0(struct pci_dev *pdev)
{
	unsigned long flags = pci_resource_flags(pdev, 0);

	if ((flags & IORESOURCE_MEM) && !(flags & IORESOURCE_UNSET) && pci_resource_start(pdev, 0))
		return 0;
	pr_err("NVRM: stub driver: This PCI I/O region assigned to your NVIDIA device is "
	       "invalid:\n");
	pr_err("NVRM: BAR0 is %lluM @ 0x%llx (PCI:%s)\n", (u64)pci_resource_len(pdev, 0) >> 20,
	       (u64)pci_resource_start(pdev, 0), pci_name(pdev));
	return -EIO;
}

static int nv_map_bar0(struct nv_gpu *gpu)
{
	struct pci_dev *pdev = gpu->pdev;
	int err;

	err = pcim_enable_device(pdev);
	if (err)
		return err;
	pci_set_master(pdev); /* as the real driver does, though nothing here copies */
	err = pci_request_region(pdev, 0, "nvidia"); /* managed, too */
	if (err)
		return err;
	gpu->bar0 = pcim_iomap(pdev, 0, PAGE_SIZE);
	if (!gpu->bar0)
		return -ENOMEM;
	pr_info("NVRM: stub driver: GPU %s: BAR 0 at 0x%llx reads 0x%08x\n", pci_name(pdev),
		(u64)pci_resource_start(pdev, 0), ioread32(gpu->bar0));
	return 0;
}

static int nv_take_minor(struct nv_gpu *gpu)
{
	unsigned int i;
	int err = -ENOSPC;

	mutex_lock(&nv_lock);
	for (i = 0; i < NV_MAX_GPUS; i++) {
		if (nv_gpus[i])
			continue;
		nv_gpus[i] = gpu;
		gpu->minor = i;
		err = 0;
		break;
	}
	mutex_unlock(&nv_lock);
	return err;
}

static void nv_release_minor(struct nv_gpu *gpu)
{
	mutex_lock(&nv_lock);
	nv_gpus[gpu->minor] = NULL;
	mutex_unlock(&nv_lock);
}

static int nv_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct nv_gpu *gpu;
	int err;

	if (nv_probe_shall_fail()) {
		pr_err("NVRM: stub driver: The NVIDIA probe routine failed for %s (knob "
		       "fail_probe).\n",
		       pci_name(pdev));
		return -EIO;
	}
	err = nv_check_config_space(pdev);
	if (err)
		return err;
	err = nv_check_bar0(pdev);
	if (err)
		return err;

	gpu = devm_kzalloc(&pdev->dev, sizeof(*gpu), GFP_KERNEL);
	if (!gpu)
		return -ENOMEM;
	gpu->pdev = pdev;
	err = nv_map_bar0(gpu);
	if (err)
		return err;
	err = nv_take_minor(gpu);
	if (err)
		return err;
	err = nv_make_node(gpu);
	if (err) {
		nv_release_minor(gpu);
		return err;
	}
	pci_set_drvdata(pdev, gpu);
	return 0;
}

static void nv_remove(struct pci_dev *pdev)
{
	struct nv_gpu *gpu = pci_get_drvdata(pdev);

	nv_remove_node(gpu);
	nv_release_minor(gpu);
	pr_info("NVRM: stub driver: GPU %s released\n", pci_name(pdev));
}

/* Every display function of vendor 10de, as the real driver's alias has it. */
static const struct pci_device_id nv_ids[] = {{
						      PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, PCI_ANY_ID),
						      .class = PCI_BASE_CLASS_DISPLAY << 16,
						      .class_mask = 0xff0000,
					      },
					      {}};
MODULE_DEVICE_TABLE(pci, nv_ids);

struct pci_driver nv_pci_driver = {
	.name = "nvidia",
	.id_table = nv_ids,
	.probe = nv_probe,
	.remove = nv_remove,
};
