// What is wrong with a configuration file: every problem at once, each with its place.
#pragma once

#include <string>
#include <vector>

#include "helpers/base/error.h"

namespace passthrough {

// A place in a file. Line and column count from 1; 0 means the file as a whole.
struct SourcePosition {
  std::string file;
  int line = 0;
  int column = 0;
  // "FILE:LINE:COLUMN", "FILE" where there is no line.
  std::string ToString() const;
};

// One problem: "FILE:LINE:COLUMN: FIELD: what was found; what is allowed".
struct ConfigProblem {
  SourcePosition where;
  std::string field;    // "clusters.hpc.compute_nodes[0].memory_gb"; empty for the file as a whole
  std::string message;  // "is \"lots\"; must be a whole number of at least 1"
  std::string ToString() const;
};

// All problems of a file. what() is one problem a line, in the order of the file.
class ConfigError : public Error {
 public:
  explicit ConfigError(std::vector<ConfigProblem> problems);
  const std::vector<ConfigProblem>& problems() const { return problems_; }

 private:
  std::vector<ConfigProblem> problems_;
};

}  // namespace passthrough
