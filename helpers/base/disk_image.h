// What can be said of a VM's disk image without opening it as one.
#pragma once

#include <filesystem>
#include <string>

namespace passthrough {

// Why `path` cannot be the base image of a node, as a part of a sentence; empty: it can. Looks at the first
// bytes only (QEMU, docs/interop/qcow2.txt).
std::string BaseImageProblem(const std::filesystem::path& path);

}  // namespace passthrough
