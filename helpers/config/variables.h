// The variables of a cluster file: $NAME and ${NAME}, as bash writes them.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "helpers/config/cluster_file.h"
#include "helpers/yaml/yaml_map.h"
#include "helpers/yaml/yaml_tree.h"

namespace passthrough {

// The directory that ${TOT} stands for: the nearest one above `file` that has a .git, at most ten up, else that of
// `file` (_find_project_root of ai_how/config/processor.py).
std::filesystem::path ProjectDirectoryOf(const std::filesystem::path& file);

// Replaces the variables in every text of the tree, but not in keys: $NAME, ${NAME}, ${NAME:-x}, ${NAME-x},
// ${NAME:=x}, ${NAME=x}, ${NAME:+x}, ${NAME+x}, ${NAME:?text}, ${NAME?text}; "$$" and "\$" stand for "$". Values come
// from `lookup`, or without one from the environment of this process, TOT and PWD as above. Adds a problem for each
// that is not set, and for a form that is none of these. Returns what was used, by name. `file`: absolute.
std::map<std::string, std::string> ExpandVariables(YamlNode& root, const std::filesystem::path& file,
                                                   const VariableLookup& lookup, ProblemList& problems);

// `variables` as a file keeps them, a line "NAME=value" each, and back; what is no such line is left out.
std::string WriteVariables(const std::map<std::string, std::string>& variables);
std::map<std::string, std::string> ReadVariables(std::string_view text);

}  // namespace passthrough
