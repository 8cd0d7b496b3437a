/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver core's interface of both Debian releases' kernels: 6.1 and 6.12.
 * Source: Linux, include/linux/device/class.h.
 */
#ifndef KERNEL_VERSIONS_H
#define KERNEL_VERSIONS_H

#include <linux/device.h>
#include <linux/module.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define nv_class_create(name) class_create(THIS_MODULE, name)
#else
#define nv_class_create(name) class_create(name)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define NV_DEVNODE_CONST
#else
#define NV_DEVNODE_CONST const
#endif

#endif
