// The lab's images: built by lab/images/build.sh, found in the cache.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "helpers/process/child_process.h"
#include "lab/host/step_log.h"

namespace passthrough {

// Where images are kept, and what other than the default they are made of.
struct LabImageRecipe {
  std::filesystem::path cache;
  std::vector<std::string> options;  // of build.sh: {"--host-release", "trixie"}; the environment names others

  // Whether anything but the default is asked for, here or in the environment.
  bool IsChosen() const;
};

struct LabImages {
  std::filesystem::path directory;  // <cache>/images-<hash of the recipe>
  std::string manifest;             // manifest.json: says which build this is

  std::filesystem::path host_disk() const { return directory / "host.qcow2"; }
  std::filesystem::path kernel() const { return directory / "host-vmlinuz"; }
  std::filesystem::path initrd() const { return directory / "host-initrd"; }
};

// What would keep them from being built says the output, a problem a line; it ends with 0 where there is nothing, or
// they are there.
ChildResult CheckImageBuild(const LabImageRecipe& recipe);

// Whether those of this recipe are in the cache, or $PASSTHROUGH_LAB_IMAGES names others. Throws Error.
bool ImagesAreThere(const LabImageRecipe& recipe);

// Where they are, built or not. Throws Error.
std::filesystem::path ImageDirectory(const LabImageRecipe& recipe);

// Builds what the recipe's images lack, which takes some minutes the first time, and a moment after
// that; uses those in $PASSTHROUGH_LAB_IMAGES, if that is set, as they are. Throws Error with the
// end of what the builder said; InterruptedError.
LabImages EnsureImages(const LabImageRecipe& recipe, const StepLog& log);

}  // namespace passthrough
