#include "helpers/health/nvidia/xid_table.h"

#include <algorithm>
#include <array>

namespace passthrough {
namespace {

using enum XidCause;

// Sorted by number.
constexpr auto kXids = std::to_array<XidEntry>({
    {8, kDriver, "the GPU stopped processing"},
    {11, kProgram, "invalid or corrupted push buffer stream"},
    {13, kProgram, "graphics engine exception"},
    {31, kProgram, "GPU memory page fault"},
    {32, kHardware, "invalid or corrupted push buffer stream"},
    {38, kDriver, "driver firmware error"},
    {43, kProgram, "a channel was reset: the GPU stopped processing a program's work"},
    {44, kDriver, "graphics engine fault during a context switch"},
    {45, kProgram, "work was cleaned up, after an earlier error or the end of its program"},
    {46, kDriver, "the GPU stopped processing"},
    {48, kMemory, "double-bit ECC error"},
    {54, kHardware, "auxiliary power is not connected"},
    {56, kDriver, "display engine error"},
    {57, kHardware, "error programming the video memory interface"},
    {58, kHardware, "unstable video memory interface"},
    {61, kDriver, "internal microcontroller breakpoint or warning"},
    {62, kDriver, "internal microcontroller halt"},
    {63, kMemory, "a page was retired or a row remapped for an ECC error"},
    {64, kMemory, "a page retirement or row remapping could not be recorded"},
    {68, kProgram, "video decoder exception"},
    {69, kProgram, "graphics engine class error"},
    {74, kLink, "NVLink error"},
    {78, kDriver, "vGPU start error"},
    {79, kHardware, "the GPU has fallen off the bus"},
    {81, kHardware, "VGA subsystem error"},
    {92, kMemory, "high rate of single-bit ECC errors"},
    {93, kHardware, "the infoROM is written too often"},
    {94, kMemory, "contained ECC error: the programs that it hit were ended"},
    {95, kMemory, "uncontained ECC error: no program's data on this GPU can be trusted"},
    {109, kDriver, "context switch timeout"},
    {110, kHardware, "security fault"},
    {119, kDriver, "the GPU System Processor (GSP) did not answer in time"},
    {120, kDriver, "GPU System Processor (GSP) error"},
    {121, kLink, "corrected error on the C2C link"},
    {122, kHardware, "the infoROM could not be read"},
    {123, kHardware, "the infoROM could not be written"},
    {124, kHardware, "the infoROM could not be erased"},
    {125, kHardware, "file system failure in the infoROM"},
    {136, kLink, "NVLink training failed"},
    {137, kLink, "NVLink fault between GPUs"},
    {140, kMemory, "uncorrected ECC error"},
    {143, kHardware, "the GPU could not be initialised"},
    {144, kLink, "NVLink error"},
    {145, kLink, "NVLink error"},
    {146, kLink, "NVLink error"},
    {147, kLink, "NVLink error"},
    {148, kLink, "NVLink error"},
    {149, kLink, "NVLink error"},
    {150, kLink, "NVLink error"},
    {151, kDriver, "key rotation error of confidential computing"},
    {154, kHardware, "the driver wants a recovery action"},
    {155, kLink, "NVLink error"},
    {156, kMemory, "a resource of the GPU was retired"},
    {157, kMemory, "a resource of the GPU could not be retired"},
    {158, kHardware, "fatal timeout in the GPU"},
});

}  // namespace

const XidEntry* FindXid(int number) {
  const auto* found = std::lower_bound(kXids.begin(), kXids.end(), number,
                                       [](const XidEntry& entry, int wanted) { return entry.number < wanted; });
  return found != kXids.end() && found->number == number ? found : nullptr;
}

std::string_view AdviceFor(XidCause cause) {
  switch (cause) {
    case kProgram:
      return "Usually a program's own error: the line names it. Where no program ran, suspect the GPU's "
             "memory: run NVIDIA's dcgmi diag.";
    case kDriver:
      return "Reset the GPU or reboot the node; if it comes again, try another driver release.";
    case kMemory:
      return "Reset the GPU so that the repair takes effect, then run NVIDIA's dcgmi diag; if it comes "
             "again, have the card replaced.";
    case kHardware:
      return "Power-cycle the host and look at the card's seat, power cables and cooling; if it comes "
             "again, try the card in another slot.";
    case kLink:
      return "Look at nvidia-smi nvlink -e on the node, at the bridge between the cards, and whether all "
             "GPUs of the link were passed through together.";
  }
  return "";
}

}  // namespace passthrough
