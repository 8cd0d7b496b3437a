// The lab's images: built by lab/images/build.sh, found in the cache.
#pragma once

#include <filesystem>
#include <string>

#include "helpers/process/child_process.h"
#include "lab/host/step_log.h"

namespace passthrough {

struct LabImages {
  std::filesystem::path directory;  // <cache>/images-<hash of the recipe>
  std::string manifest;             // manifest.json: says which build this is

  std::filesystem::path host_disk() const { return directory / "host.qcow2"; }
  std::filesystem::path kernel() const { return directory / "host-vmlinuz"; }
  std::filesystem::path initrd() const { return directory / "host-initrd"; }
};

// What would keep them from being built says the output, a problem a line; it ends with 0 where there is nothing, or
// they are there.
ChildResult CheckImageBuild(const std::filesystem::path& cache);

// Whether those of this recipe are in the cache, or $PASSTHROUGH_LAB_IMAGES names others. Throws Error.
bool ImagesAreThere(const std::filesystem::path& cache);

// Builds what the recipe's images lack, which takes some minutes the first time, and a moment after
// that; uses those in $PASSTHROUGH_LAB_IMAGES, if that is set, as they are. Throws Error with the
// end of what the builder said; InterruptedError.
LabImages EnsureImages(const std::filesystem::path& cache, const StepLog& log);

}  // namespace passthrough
