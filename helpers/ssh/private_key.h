// Reading private key files.
#pragma once

#include <filesystem>
#include <string>

#include "helpers/ssh/libssh_handles.h"

namespace passthrough {

// The key of the file, or nullptr with the reason in *problem, as PrivateKeyProblem has it.
KeyHandle LoadPrivateKey(const std::filesystem::path& path, std::string* problem);

}  // namespace passthrough
