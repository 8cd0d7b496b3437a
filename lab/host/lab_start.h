// Starting the QEMU of a lab and seeing it through until it can be used.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "lab/host/lab_directory.h"
#include "lab/host/lab_guest.h"
#include "lab/host/qemu_process.h"
#include "lab/host/step_log.h"

namespace passthrough {

// Starts the machine of `record` on its current disk layer: from `state_file` where one is given,
// from its beginning otherwise. Gives the record a new id and, where that one is taken, a new port,
// and writes it, as kStarting, before there is a process. Throws Error with the end of QEMU's log.
void StartMachine(const LabPaths& paths, LabRecord* record, const std::optional<std::filesystem::path>& state_file,
                  const Deadline& deadline);

// Waits until a machine that was started from its beginning says on its console that it has booted,
// or three minutes. Nobody need connect before that. Throws Error where it goes away.
void WaitForConsole(const LabPaths& paths, const LabRecord& record, const Deadline& deadline);

// Waits for its SSH server. Throws Error with the end of its console where the machine goes away or
// does not answer.
LabGuest WaitForGuest(const LabPaths& paths, const LabRecord& record, const Deadline& deadline);

// Writes what others need to use the lab, and the record as kUp.
void AnnounceLab(const LabPaths& paths, LabRecord* record);

// Ends QEMU, if it runs, and removes what belongs to this one start of it: announced facts, socket.
void StopMachine(const LabPaths& paths, const LabRecord& record);

// Whether the machine of this record runs.
bool MachineRuns(const LabRecord& record);

// The machines of labs whose directory, or record in it, was deleted while they ran.
std::vector<StrayQemu> StraysOf(const LabPaths& paths);

// The last lines that QEMU and the lab host's console said, indented, for a message.
std::string LastWords(const LabPaths& paths);

}  // namespace passthrough
