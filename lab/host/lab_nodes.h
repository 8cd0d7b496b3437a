// The nodes in a lab, as those see them who want to log in.
#pragma once

#include <string>

#include "lab/host/lab_directory.h"

namespace passthrough {

// The address of the node or libvirt domain `name`, once its SSH server greets there; says on stderr that it waits
// where it does not at once. It has 5 minutes, as a run gives it. Throws Error, TimeoutError, InterruptedError.
std::string WaitForNode(const std::string& name, const LabPaths& paths, const LabRecord& record);

}  // namespace passthrough
