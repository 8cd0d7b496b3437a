// For libFuzzer. $PASSTHROUGH_FUZZ_TARGET names the target; its seeds are written into the directory
// $PASSTHROUGH_FUZZ_SEEDS first.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "tests/fuzz/targets.h"

namespace {

const passthrough::FuzzTarget* target = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const char* name = std::getenv("PASSTHROUGH_FUZZ_TARGET");
  const auto& targets = passthrough::FuzzTargets();
  const auto found = targets.find(name == nullptr ? "" : name);
  if (found == targets.end()) {
    std::fprintf(stderr, "PASSTHROUGH_FUZZ_TARGET is one of:\n");
    for (const auto& [known, unused] : targets) std::fprintf(stderr, "  %s\n", known.c_str());
    std::exit(1);
  }
  target = &found->second;
  if (const char* directory = std::getenv("PASSTHROUGH_FUZZ_SEEDS")) {
    int number = 0;
    for (const std::string& seed : target->seeds) {
      passthrough::WriteFile(std::string(directory) + "/seed-" + std::to_string(number++), seed);
    }
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    target->run(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const passthrough::Error&) {
    // Said in words: as good as a result.
  }
  return 0;
}
