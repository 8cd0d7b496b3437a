// What a node's kernel log says of its PCI functions one by one, beyond what befalls them on the bus
// (kernel_log_problems.h): the drivers of a GPU's companion functions, and whatever else looks like an error.
#pragma once

#include "helpers/health/finding.h"
#include "helpers/health/log_devices.h"
#include "helpers/health/log_findings.h"
#include "helpers/parsers/kernel_log.h"

namespace passthrough {

// - What the drivers of audio, USB and I2C functions say when theirs does not work, and that a driver could not take
//   a function at all: a failure for a planned function, a note for another one of the same card, nothing for others.
// - What names a planned function, or another of its card, and is of severity "error" or has an error's words, and
//   belongs to no class: a note with the line.
// Neither where `reported_elsewhere` accepts the line, or a function of kernel_log_problems.h reports it.
Findings DeviceLogProblems(const KernelLog& log, const LogDevices& devices,
                           const LinePredicate& reported_elsewhere = {});

}  // namespace passthrough
