// SPDX-License-Identifier: GPL-2.0
/*
 * Stub of NVIDIA's unified memory driver for the lab: two device files with a
 * dynamic major, which can be opened and do nothing.
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/module.h>

#include "kernel-versions.h"

unsigned int nv_stub_gpu_count(void); /* nv-module.c */

static const char *const uvm_names[] = {"nvidia-uvm", "nvidia-uvm-tools"};
static dev_t uvm_dev;
static struct cdev uvm_cdev;
static struct class *uvm_class;

static const struct file_operations uvm_fops = {
	.owner = THIS_MODULE,
	.llseek = noop_llseek,
};

static char *uvm_devnode(NV_DEVNODE_CONST struct device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0666;
	return NULL;
}

static void uvm_remove_nodes(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(uvm_names); i++)
		device_destroy(uvm_class, uvm_dev + i);
	class_destroy(uvm_class);
}

static int uvm_make_nodes(void)
{
	struct device *dev;
	unsigned int i;

	uvm_class = nv_class_create("nvidia-uvm");
	if (IS_ERR(uvm_class))
		return PTR_ERR(uvm_class);
	uvm_class->devnode = uvm_devnode;
	for (i = 0; i < ARRAY_SIZE(uvm_names); i++) {
		dev = device_create(uvm_class, NULL, uvm_dev + i, NULL, "%s", uvm_names[i]);
		if (IS_ERR(dev)) {
			uvm_remove_nodes(); /* skips those not there */
			return PTR_ERR(dev);
		}
	}
	return 0;
}

static int __init uvm_init(void)
{
	int err;

	err = alloc_chrdev_region(&uvm_dev, 0, ARRAY_SIZE(uvm_names), "nvidia-uvm");
	if (err)
		return err;
	cdev_init(&uvm_cdev, &uvm_fops);
	uvm_cdev.owner = THIS_MODULE;
	err = cdev_add(&uvm_cdev, uvm_dev, ARRAY_SIZE(uvm_names));
	if (err)
		goto free_region;
	err = uvm_make_nodes();
	if (err)
		goto free_cdev;
	pr_info("nvidia-uvm: loaded the SIMULATED STUB, %u GPU(s)\n", nv_stub_gpu_count());
	return 0;

free_cdev:
	cdev_del(&uvm_cdev);
free_region:
	unregister_chrdev_region(uvm_dev, ARRAY_SIZE(uvm_names));
	return err;
}

static void __exit uvm_exit(void)
{
	uvm_remove_nodes();
	cdev_del(&uvm_cdev);
	unregister_chrdev_region(uvm_dev, ARRAY_SIZE(uvm_names));
}

module_init(uvm_init);
module_exit(uvm_exit);
MODULE_DESCRIPTION("SIMULATED STUB of NVIDIA's unified memory driver for the lab");
MODULE_LICENSE("GPL");
MODULE_VERSION("000.00");
