#include "helpers/process/child_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

// A line longer than this comes in pieces: a child may never write an end of line.
constexpr size_t kLongestLine = 64u << 10;

}  // namespace

ChildOutput::ChildOutput(const std::filesystem::path& log, std::function<void(std::string_view)> on_line,
                         size_t most_kept)
    : log_path_(log), on_line_(std::move(on_line)), most_kept_(most_kept) {
  if (log.empty()) return;
  log_.Reset(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!log_) {
    throw ProcessError(fmt::format("cannot write the log {}: {}", log.string(), strerror(errno)));
  }
}

void ChildOutput::Add(std::string_view piece) {
  AddToLog(piece);
  kept_ += piece;
  if (kept_.size() > 2 * most_kept_) kept_.erase(0, kept_.size() - most_kept_);
  if (on_line_) AddToLines(piece);
}

std::string ChildOutput::Finish() {
  if (on_line_ && !line_.empty()) on_line_(std::exchange(line_, {}));
  if (kept_.size() > most_kept_) kept_.erase(0, kept_.size() - most_kept_);
  return std::move(kept_) + log_problem_;
}

void ChildOutput::AddToLog(std::string_view piece) {
  while (log_ && !piece.empty()) {
    const ssize_t written = write(log_.get(), piece.data(), piece.size());
    if (written >= 0) {
      piece.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      // A full disk must not end a command that is half done: what it does matters more.
      log_problem_ = fmt::format("\n[the log {} is not complete: {}]\n", log_path_.string(), strerror(errno));
      log_.Reset();
    }
  }
}

void ChildOutput::AddToLines(std::string_view piece) {
  while (!piece.empty()) {
    const size_t end = piece.find('\n');
    line_ += piece.substr(0, end);
    if (end != std::string_view::npos || line_.size() >= kLongestLine) {
      if (line_.ends_with('\r')) line_.pop_back();
      on_line_(std::exchange(line_, {}));
    }
    piece.remove_prefix(end == std::string_view::npos ? piece.size() : end + 1);
  }
}

}  // namespace passthrough
