// What the NVIDIA driver's Xid numbers mean.
// Source: NVIDIA, "XID Errors" and its Xid catalog (docs.nvidia.com/deploy/xid-errors).
#pragma once

#include <string_view>

namespace passthrough {

// Where NVIDIA's document sees the usual cause, which decides what to do next.
enum class XidCause {
  kProgram,   // what a program on the GPU did; the GPU itself goes on: the catalog says to restart the program, and no
              // document that it could as well be the bus or heat
  kDriver,    // driver or firmware
  kMemory,    // the GPU's memory
  kHardware,  // the card, its slot, power or cooling
  kLink,      // NVLink or C2C, between GPUs or to the processor
};

struct XidEntry {
  int number;
  XidCause cause;
  std::string_view meaning;
};

// nullptr for a number that the table does not have.
const XidEntry* FindXid(int number);

// A sentence: what to do about an Xid of that cause.
std::string_view AdviceFor(XidCause cause);

}  // namespace passthrough
