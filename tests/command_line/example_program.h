// A program with one of each kind that a description can have.
#pragma once

#include "helpers/command_line/command_line.h"

namespace passthrough {

inline std::string ExampleProblem(const std::string& value) { return value == "9" ? "not a number below 9" : ""; }

// A program without commands, which takes options alone.
inline CommandRule ExampleProgram() {
  CommandRule rule;
  rule.name = "example";
  rule.help = "Does this. And that.";
  rule.synopsis = "[options]";
  rule.footer = "Exit status: 0.";
  rule.options = {
      {.name = "--config", .value = "FILE", .help = "a file", .default_text = "a.yaml", .group = "What"},
      {.name = "--count", .value = "N", .help = "a number", .group = "What", .problem_of = ExampleProblem},
      {.name = "--with", .value = "NAME", .help = "a name", .group = "What", .repeats = true},
      {.name = "--keep", .help = "keep it", .group = "Then"},
      {.name = "--attach", .help = "leave it", .group = "Then"},
      {.name = "--guard", .value = "DIR"},
      {.name = "--reap", .help = "only tidy up", .group = "Then"},
      {.name = "--merge", .help = "only merge", .group = "Then"},
  };
  rule.combinations = {
      {"--keep", CombinationRule::Kind::kNotWith, "--attach", "it is kept anyway"},
      {"--with", CombinationRule::Kind::kOnlyWith, "--config", "the names are the file's"},
  };
  rule.choices = {{{"--reap", "--merge"}, "one at a time"}};
  return rule;
}

// A program with commands.
inline CommandRule ExampleLab() {
  CommandRule ssh;
  ssh.name = "ssh";
  ssh.options = {{.name = "--lab-dir", .value = "DIR", .help = "where"}, {.name = "--quiet", .help = "print nothing"}};
  ssh.arguments = {"NODE", "[MORE]"};
  ssh.passes_on = true;
  ssh.help = "Logs in: to a node. Or more.";
  CommandRule down;
  down.name = "down";
  down.help = "Stops it.";
  CommandRule lab;
  lab.name = "passthrough-lab";
  lab.help = "About labs.";
  lab.synopsis = "COMMAND [OPTIONS...]";
  lab.commands = {ssh, down};
  return lab;
}

}  // namespace passthrough
