// Saving a running lab host to files and starting from them again: its memory and devices as QEMU's
// migration stream, its disk as the qcow2 layer that it wrote to until then.
#pragma once

#include <filesystem>
#include <string>

#include "helpers/base/deadline.h"
#include "lab/host/qmp.h"

namespace passthrough {

// Pauses the machine, puts `new_layer` (absolute) over its disk, writes the rest of its state to
// `state_file`, and lets it run on. The disk layer that it had before is the saved one: nobody
// writes to it any more. On an error `state_file` is removed and the machine runs on all the same.
// Throws QmpError, Error, TimeoutError, InterruptedError.
void SaveMachine(QmpConnection& qmp, const std::filesystem::path& state_file, const std::filesystem::path& new_layer,
                 const Deadline& deadline);

// Fills a machine that was started with `-incoming defer` and the same arguments, and returns when
// it runs. Throws as SaveMachine does.
void LoadMachine(QmpConnection& qmp, const std::filesystem::path& state_file, const Deadline& deadline);

// Makes the qcow2 file `layer` on top of `below` (absolute), which has the format `below_format`.
// Throws ProcessError.
void CreateLayer(const std::filesystem::path& layer, const std::filesystem::path& below,
                 const std::string& below_format = "qcow2");

// Makes `to` the same file as `from`: a link where the file system allows, a copy elsewhere.
void LinkOrCopy(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace passthrough
