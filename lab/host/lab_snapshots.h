// Snapshots of a lab host with whatever runs in it. They live in the lab's directory and go with
// it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "lab/host/lab_directory.h"
#include "lab/host/step_log.h"

namespace passthrough {

struct LabSnapshot {
  std::string name;
  std::string time;    // when it was taken: "2030-01-31 12:00:00"
  uint64_t bytes = 0;  // of its memory state
  LabRecord record;    // the lab as it was
};

// Oldest first.
std::vector<LabSnapshot> ListSnapshots(const LabPaths& paths);

// Removes the disk of a lab that is down, unless a snapshot was taken of it.
void RemoveLayerUnlessSaved(const LabPaths& paths, int layer);

// Why `name` cannot name a snapshot, or an empty text.
std::string SnapshotNameProblem(const std::string& name);

// Saves the lab under `name`; it stands still meanwhile and runs on afterwards. Throws Error where
// the lab is down, or has a snapshot of this name and `replace` is false.
void SnapshotLab(const std::filesystem::path& directory, const std::string& name, bool replace, const StepLog& log,
                 const Deadline& deadline = Deadline::Never());

// Goes back to the snapshot `name`, whether the lab is up or was stopped with its directory kept.
// Throws Error where there is none of this name, and says which there are. A start that fails
// leaves the lab down with its snapshots.
void RestoreLab(const std::filesystem::path& directory, const std::string& name, const StepLog& log,
                const Deadline& deadline = Deadline::Never());

}  // namespace passthrough
