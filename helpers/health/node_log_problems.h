// What a node's kernel log says is wrong with the node itself: its kernel, memory, disks and processors. Classes of
// lines by what Linux can print. Equal lines are reported once, with how often they came.
#pragma once

#include "helpers/health/finding.h"
#include "helpers/parsers/kernel_log.h"

namespace passthrough {

// Whose programs ran on the node since its boot.
enum class NodeUse { kOfThisRun, kOfOthersToo };

// The kernel found its own memory in disorder (bad page, list corruption, an object of the allocator that was written
// over), or switched off an interrupt that no driver handled.
Findings KernelMemoryProblems(const KernelLog& log);

// Errors of processors, memory and firmware that the kernel reports as the hardware's: machine checks, EDAC, APEI,
// memory failures, NMIs. Those that say that they were corrected are notes.
Findings HardwareProblems(const KernelLog& log);

// Disks and file systems of the node with I/O errors, of which data was lost, that were shut down, or that have no
// space. Drives without a medium are none.
Findings DiskLogProblems(const KernelLog& log);

// Programs that were ended for want of memory. Within a memory cgroup, and where others' programs ran, a note.
Findings OutOfMemoryProblems(const KernelLog& log, NodeUse use = NodeUse::kOfThisRun);

// Notes of what is not in the log: the boot, where it was pushed out of the ring buffer and the journal, or lines that
// the probe left out.
Findings LogGapProblems(const KernelLog& log);

}  // namespace passthrough
