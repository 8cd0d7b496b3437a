#include "lab/host/lab_disks.h"

#include <fmt/format.h>

#include <string>

#include "helpers/base/files.h"
#include "remote/disks/marked_data.h"

namespace passthrough {

void WriteMarkedDisk(const std::filesystem::path& file, uint64_t seed, uint64_t bytes) {
  std::string data(bytes, '\0');
  const mark mark{seed, bytes, 0};
  make_mark(reinterpret_cast<unsigned char*>(data.data()), &mark);
  for (uint64_t offset = MARK_BYTES; offset + 8 <= bytes; offset += 8) {
    const uint64_t word = marked_word(seed, offset);
    for (unsigned i = 0; i < 8; ++i) data[offset + i] = static_cast<char>(word >> (8 * i) & 0xff);
  }
  WriteFile(file, data);
}

uint64_t SeedOfLabDisk(const PciAddress& address) {
  return uint64_t{address.domain} << 32 | uint64_t{address.bus} << 16 | uint64_t{address.device} << 8 |
         address.function;
}

void MakeLabDisks(const std::filesystem::path& directory, const LabTopology& topology) {
  for (const LabFunction& function : topology.functions) {
    const std::filesystem::path file = directory / LabDiskFile(function.address);
    if (function.type != DeviceType::kStorage || function.filler || std::filesystem::exists(file)) continue;
    WriteMarkedDisk(file, SeedOfLabDisk(function.address), kLabDiskBytes);
  }
}

}  // namespace passthrough
