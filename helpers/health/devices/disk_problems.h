// What can be wrong with a disk. `name`: the device as messages name it, "storage device 0000:05:00.0".
#pragma once

#include <cstdint>
#include <string>

#include "helpers/health/finding.h"
#include "helpers/parsers/disks_evidence.h"

namespace passthrough {

// Of the function at `address`: no driver, no disk, disks that were not looked at. `is_a_disk`: it is a disk by itself;
// any other controller may have none connected, which is noted.
Findings MissingDiskProblems(const DisksEvidence& disks, const PciAddress& address, bool is_a_disk,
                             const std::string& name);
// Its driver's state of it, and its size.
Findings DiskStateProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name);
// NVMe's own word: its critical warnings are failures, wear and past errors are notes.
Findings DiskHealthProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name);
Findings ReadOnlyDiskProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name);
// Reads that failed, that returned other data at the second time, or other data than the disk's mark says.
Findings DiskReadProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name);
// Of a disk that the profile lets be overwritten.
Findings DiskWriteProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name);
Findings DiskInterruptProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name);

}  // namespace passthrough
