// Where a child's output goes: log file, lines to whoever listens, and the last part kept.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "helpers/base/descriptor.h"

namespace passthrough {

class ChildOutput {
 public:
  // Opens `log` for appending unless it is empty; throws ProcessError where it cannot be.
  ChildOutput(const std::filesystem::path& log, std::function<void(std::string_view)> on_line, size_t most_kept);

  void Add(std::string_view piece);
  // Passes on a last line without an end and gives what was kept.
  std::string Finish();

 private:
  void AddToLog(std::string_view piece);
  void AddToLines(std::string_view piece);

  std::filesystem::path log_path_;
  Descriptor log_;
  std::function<void(std::string_view)> on_line_;
  size_t most_kept_;
  std::string line_;  // of which the end has not come yet
  std::string kept_;  // up to twice most_kept_, so that it is cut rarely
  std::string log_problem_;
};

}  // namespace passthrough
