// What the lab's disks hold.
#pragma once

#include <cstdint>
#include <filesystem>

#include "helpers/base/pci_address.h"
#include "lab/host/topology.h"

namespace passthrough {

inline constexpr uint64_t kLabDiskBytes = 32u << 20;

// Writes a marked disk (remote/disks/marked_data.h): what is at any place of it follows from `seed`, so that whoever
// reads it knows whether that is right. Throws Error.
void WriteMarkedDisk(const std::filesystem::path& file, uint64_t seed, uint64_t bytes);

// That of the disk at `address`: each holds data of its own.
uint64_t SeedOfLabDisk(const PciAddress& address);

// Makes the disks of all storage functions in `directory`, each with data of its own. Those that are there stay.
void MakeLabDisks(const std::filesystem::path& directory, const LabTopology& topology);

}  // namespace passthrough
