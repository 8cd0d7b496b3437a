// Bringing a lab up and down.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "helpers/base/deadline.h"
#include "lab/host/lab_images.h"
#include "lab/host/step_log.h"

namespace passthrough {

struct LabUpOptions {
  std::filesystem::path cluster_file;
  std::filesystem::path directory;  // of the lab
  LabImageRecipe images;            // in the cache that saved states are in, too
  bool fresh = false;               // boot, even where a saved state of this machine is there
  std::string owner;  // whose the lab is if this starts it, for TakeLabDown; empty: nobody's in particular
};

// Starts a lab host with a function at every PCI address that the cluster file names, and returns
// when its SSH server and its libvirt answer. Does nothing where it runs already; throws Error
// where a lab with other functions runs in this directory. The first start of a machine boots it
// and keeps its state in the cache; later ones start from there. When this throws, nothing is left
// that was not there before.
void BringLabUp(const LabUpOptions& options, const StepLog& log, const Deadline& deadline = Deadline::Never());

// Stops the lab host, if it runs, and removes everything in its directory; with `keep` all but what
// snapshots need. Ends a QEMU, too, that outlived the directory. With an `owner`, only what was started with that
// owner's name: does nothing to another lab. Not an error where there is no lab. An interruption does not stop it.
void TakeLabDown(const std::filesystem::path& directory, bool keep, const StepLog& log, const std::string& owner = {});

}  // namespace passthrough
