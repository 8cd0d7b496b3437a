// SPDX-License-Identifier: GPL-2.0
/* Stub of the NVIDIA kernel driver: module, knobs, /dev and /proc. */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "kernel-versions.h"
#include "nv-stub.h"

int nv_fail_probe;
module_param_named(fail_probe, nv_fail_probe, int, 0644);
MODULE_PARM_DESC(fail_probe, "how many of the next probes fail; negative: all (default 0)");

int nv_fail_init = -1;
module_param_named(fail_init, nv_fail_init, int, 0644);
MODULE_PARM_DESC(fail_init,
		 "minor of the GPU that stays bound but does not initialise (default -1: none)");

int nv_lost_gpu = -1;
module_param_named(lost_gpu, nv_lost_gpu, int, 0644);
MODULE_PARM_DESC(lost_gpu, "minor of the GPU that is reported as lost (default -1: none)");

int nv_smi_exit = -1;
module_param_named(smi_exit, nv_smi_exit, int, 0644);
MODULE_PARM_DESC(smi_exit, "exit status of nvidia-smi whatever it printed (default -1: its own)");

bool nv_same_uuid;
module_param_named(same_uuid, nv_same_uuid, bool, 0644);
MODULE_PARM_DESC(same_uuid, "every GPU of every machine has one and the same UUID (default N)");

static bool nv_hang_smi;
static DECLARE_WAIT_QUEUE_HEAD(nv_hang_queue);

static int nv_set_hang(const char *value, const struct kernel_param *kp)
{
	int err = param_set_bool(value, kp);

	wake_up_all(&nv_hang_queue);
	return err;
}

static const struct kernel_param_ops nv_hang_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = nv_set_hang,
	.get = param_get_bool,
};
module_param_cb(hang_smi, &nv_hang_ops, &nv_hang_smi, 0644);
MODULE_PARM_DESC(hang_smi,
		 "readers of /dev/nvidiactl wait, in state D, until this is N (default N)");

static struct class *nv_class;
static struct cdev nv_gpu_cdev, nv_ctl_cdev;
static struct proc_dir_entry *nv_proc, *nv_proc_gpus;

/* For nvidia-uvm, which does not load without this module. */
unsigned int nv_stub_gpu_count(void)
{
	unsigned int i, n = 0;

	mutex_lock(&nv_lock);
	for (i = 0; i < NV_MAX_GPUS; i++)
		n += nv_gpus[i] != NULL;
	mutex_unlock(&nv_lock);
	return n;
}
EXPORT_SYMBOL_GPL(nv_stub_gpu_count);

static int nv_gpu_open(struct inode *inode, struct file *file)
{
	unsigned int minor = iminor(inode);
	int err = 0;

	mutex_lock(&nv_lock);
	if (minor >= NV_MAX_GPUS || !nv_gpus[minor])
		err = -ENODEV;
	else if (nv_fail_init == (int)minor || nv_lost_gpu == (int)minor ||
		 !nv_gpu_alive(nv_gpus[minor]))
		err = -EIO;
	mutex_unlock(&nv_lock);
	return err;
}

static const struct file_operations nv_gpu_fops = {
	.owner = THIS_MODULE,
	.open = nv_gpu_open,
	.llseek = noop_llseek,
};

static int nv_ctl_open(struct inode *inode, struct file *file)
{
	return single_open(file, nv_show_control, NULL);
}

static ssize_t nv_ctl_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	/* Looks like a driver stuck in the kernel, yet SIGKILL ends it. */
	if (wait_event_killable(nv_hang_queue, !READ_ONCE(nv_hang_smi)))
		return -EINTR;
	return seq_read(file, buf, size, pos);
}

static const struct file_operations nv_ctl_fops = {
	.owner = THIS_MODULE,
	.open = nv_ctl_open,
	.read = nv_ctl_read,
	.llseek = seq_lseek,
	.release = single_release,
};

static char *nv_devnode(NV_DEVNODE_CONST struct device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0666;
	return NULL;
}

static int nv_make_proc(struct nv_gpu *gpu)
{
	gpu->proc_dir = proc_mkdir(pci_name(gpu->pdev), nv_proc_gpus);
	if (!gpu->proc_dir)
		return -ENOMEM;
	if (!proc_create_single_data("information", 0444, gpu->proc_dir, nv_show_information,
				     gpu)) {
		proc_remove(gpu->proc_dir);
		return -ENOMEM;
	}
	return 0;
}

/* /dev/nvidiaN and /proc/driver/nvidia/gpus/<bus id> of one GPU */
int nv_make_node(struct nv_gpu *gpu)
{
	struct device *dev;
	int err;

	err = nv_make_proc(gpu);
	if (err)
		return err;
	dev = device_create(nv_class, &gpu->pdev->dev, MKDEV(NV_MAJOR, gpu->minor), NULL,
			    "nvidia%u", gpu->minor);
	if (IS_ERR(dev)) {
		proc_remove(gpu->proc_dir);
		return PTR_ERR(dev);
	}
	return 0;
}

void nv_remove_node(struct nv_gpu *gpu)
{
	device_destroy(nv_class, MKDEV(NV_MAJOR, gpu->minor));
	proc_remove(gpu->proc_dir);
}

static int nv_add_cdevs(void)
{
	int err;

	cdev_init(&nv_gpu_cdev, &nv_gpu_fops);
	nv_gpu_cdev.owner = THIS_MODULE;
	err = cdev_add(&nv_gpu_cdev, MKDEV(NV_MAJOR, 0), NV_MAX_GPUS);
	if (err)
		return err;
	cdev_init(&nv_ctl_cdev, &nv_ctl_fops);
	nv_ctl_cdev.owner = THIS_MODULE;
	err = cdev_add(&nv_ctl_cdev, MKDEV(NV_MAJOR, NV_CTL_MINOR), 1);
	if (err)
		cdev_del(&nv_gpu_cdev);
	return err;
}

static int nv_add_class(void)
{
	struct device *ctl;

	nv_class = nv_class_create("nvidia");
	if (IS_ERR(nv_class))
		return PTR_ERR(nv_class);
	nv_class->devnode = nv_devnode;
	ctl = device_create(nv_class, NULL, MKDEV(NV_MAJOR, NV_CTL_MINOR), NULL, "nvidiactl");
	if (IS_ERR(ctl)) {
		class_destroy(nv_class);
		return PTR_ERR(ctl);
	}
	return 0;
}

static int nv_add_proc(void)
{
	nv_proc = proc_mkdir("driver/nvidia", NULL);
	if (!nv_proc)
		return -ENOMEM;
	nv_proc_gpus = proc_mkdir("gpus", nv_proc);
	if (!nv_proc_gpus || !proc_create_single("version", 0444, nv_proc, nv_show_version)) {
		proc_remove(nv_proc);
		return -ENOMEM;
	}
	return 0;
}

static int __init nv_init(void)
{
	int err;

	pr_info("NVRM: loading SIMULATED STUB kernel module " NV_VERSION " (lab only)\n");
	err = register_chrdev_region(MKDEV(NV_MAJOR, 0), NV_CTL_MINOR + 1, "nvidia");
	if (err)
		return err;
	err = nv_add_cdevs();
	if (err)
		goto free_region;
	err = nv_add_class();
	if (err)
		goto free_cdevs;
	err = nv_add_proc();
	if (err)
		goto free_class;
	err = pci_register_driver(&nv_pci_driver);
	if (err)
		goto free_proc;
	return 0;

free_proc:
	proc_remove(nv_proc);
free_class:
	device_destroy(nv_class, MKDEV(NV_MAJOR, NV_CTL_MINOR));
	class_destroy(nv_class);
free_cdevs:
	cdev_del(&nv_ctl_cdev);
	cdev_del(&nv_gpu_cdev);
free_region:
	unregister_chrdev_region(MKDEV(NV_MAJOR, 0), NV_CTL_MINOR + 1);
	return err;
}

static void __exit nv_exit(void)
{
	pci_unregister_driver(&nv_pci_driver);
	proc_remove(nv_proc);
	device_destroy(nv_class, MKDEV(NV_MAJOR, NV_CTL_MINOR));
	class_destroy(nv_class);
	cdev_del(&nv_ctl_cdev);
	cdev_del(&nv_gpu_cdev);
	unregister_chrdev_region(MKDEV(NV_MAJOR, 0), NV_CTL_MINOR + 1);
}

module_init(nv_init);
module_exit(nv_exit);
MODULE_DESCRIPTION("SIMULATED STUB of the NVIDIA driver for the lab");
MODULE_LICENSE("GPL");
MODULE_VERSION(NV_VERSION);
