/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stub of the NVIDIA kernel driver for the lab: shared declarations.
 *
 * It contains no NVIDIA code and drives nothing. It binds to whatever PCI
 * display function has NVIDIA's vendor id and makes the files that users of
 * the real driver look for.
 */
#ifndef NV_STUB_H
#define NV_STUB_H

#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#define NV_VERSION "000.00"
#define NV_MAJOR 195 /* Documentation/admin-guide/devices.txt */
#define NV_CTL_MINOR 255
#define NV_MAX_GPUS 32
#define NV_UUID_LEN 41 /* "GPU-" + 36 + NUL */

struct nv_gpu {
	struct pci_dev *pdev;
	void __iomem *bar0; /* the first page of BAR 0 */
	unsigned int minor;
	struct proc_dir_entry *proc_dir;
};

/* Bound GPUs by minor; nv_lock guards the array and what it points to. */
extern struct nv_gpu *nv_gpus[NV_MAX_GPUS];
extern struct mutex nv_lock;

/* nv-module.c: the knobs, see README.md */
extern int nv_fail_probe;
extern int nv_fail_init;
extern int nv_lost_gpu;
extern int nv_smi_exit;
extern bool nv_same_uuid;

int nv_make_node(struct nv_gpu *gpu);
void nv_remove_node(struct nv_gpu *gpu);

/* nv-gpu.c */
extern struct pci_driver nv_pci_driver;

/* nv-report.c */
int nv_show_control(struct seq_file *m, void *unused);
int nv_show_version(struct seq_file *m, void *unused);
int nv_show_information(struct seq_file *m, void *unused);
bool nv_gpu_alive(struct nv_gpu *gpu);

#endif
