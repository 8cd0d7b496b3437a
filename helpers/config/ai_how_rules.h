// What ai-how makes of a cluster file, where it differs from the reader of this project.
#pragma once

#include <vector>

#include "helpers/config/cluster_file.h"
#include "helpers/config/profile.h"
#include "helpers/yaml/yaml_tree.h"

namespace passthrough {

// What the reader has accepted and ai-how refuses, or fails at when it starts the cluster; in the file's order. `root`:
// the tree with its variables expanded; `file`: its name for messages. From ai-how's cluster.schema.json,
// hpc_manager.py and cloud_manager.py.
std::vector<ConfigProblem> WhatAiHowRefuses(const YamlNode& root, const std::string& file);

// Whether these commands run ai-how, by a word of them that is its name, or that of configs/deployers/ai-how.sh. Its
// destroy goes by names: without a state file of the cluster it takes every domain whose name begins with "<cluster>-".
bool RunsAiHow(const CommandSequence& commands);

void SortByPlace(std::vector<ConfigProblem>& problems);

}  // namespace passthrough
