// The files by which others use a lab that is up.
#pragma once

#include <filesystem>

#include "helpers/deployer/deployer.h"
#include "lab/host/lab_directory.h"

namespace passthrough {

// The private key that the lab host's root and the nodes' admin accept.
std::filesystem::path LabKey(const LabRecord& record);

// "qemu+ssh://root@127.0.0.1:PORT/system?…": asks for nothing, trusts only the pinned host key.
std::string LabLibvirtUri(const LabPaths& paths);

// Writes facts.yaml (a profile fragment, see helpers/config/profile.h), deployer.json and
// ssh_config.
void WriteFacts(const LabPaths& paths, const LabRecord& record);

// What `create` and `destroy` do differently in the lab of this directory: smaller nodes, the image
// that the lab host has, ids that the emulated functions show.
DeploySettings ReadDeploySettings(const std::filesystem::path& deployer_file);

}  // namespace passthrough
