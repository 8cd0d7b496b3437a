#include "helpers/base/descriptor_limit.h"

namespace passthrough {
namespace {

rlimit AskForLimit() noexcept {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit;
}

// Before main: a child is forked where no lock of a later initialisation may be taken.
const rlimit inherited = AskForLimit();

}  // namespace

void RaiseDescriptorLimit() noexcept {
  rlimit limit = inherited;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);  // where that is refused, the soft limit will have to do
}

const rlimit& InheritedDescriptorLimit() noexcept { return inherited; }

}  // namespace passthrough
