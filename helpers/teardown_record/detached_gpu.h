// A function that was hot-unplugged from a domain that stays, until it is attached again: a GPU, or one that goes with
// it.
#pragma once

#include <string>

namespace passthrough {

// All that another process needs to attach it again.
struct DetachedGpu {
  std::string domain;
  std::string uuid;        // the domain's: for another one of that name nothing is pending
  int domain_id = -1;      // one that was started anew has another, and what its definition has; -1: not known
  bool defined = false;    // the definition had it: where it has not any more, somebody took it from the domain
  std::string gpu;         // "0000:01:00.0", on the host
  std::string hostdev;     // its XML, as the domain had it
  std::string file;        // the same, for a command that a person gives
  bool left = false;       // the domain was seen without it: where it has it again, somebody plugged it in
  bool companion = false;  // of a GPU's IOMMU group: its audio function, …
  bool operator==(const DetachedGpu&) const = default;
  bool IsSameAs(const DetachedGpu& other) const { return uuid == other.uuid && gpu == other.gpu; }
  // "GPU 0000:01:00.0", "function 0000:01:00.1".
  std::string Name() const { return (companion ? "function " : "GPU ") + gpu; }
};

}  // namespace passthrough
