// The commands of passthrough-lab.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "helpers/command_line/command_line.h"
#include "lab/host/lab_images.h"

namespace passthrough {

// One command: how it is called and what it does. `run` returns the program's exit status.
struct Command {
  CommandRule rule;
  int (*run)(const CommandLine& line);
};

// All of them, in the order of the help text.
const std::vector<Command>& Commands();

// passthrough-lab with all of its commands, for parsing, the help text, completions and man pages.
const CommandRule& LabCommandRule();

// --lab-dir, or the default; absolute.
std::filesystem::path LabDirectoryOf(const CommandLine& line);

// --cache, or the user's; and what the images are made of.
LabImageRecipe ImageRecipeOf(const CommandLine& line);

// In files of their own:
int RunCheck(const CommandLine& line);
int RunStatus(const CommandLine& line);
int RunSsh(const CommandLine& line);
int RunCreate(const CommandLine& line);
int RunDestroy(const CommandLine& line);

}  // namespace passthrough
