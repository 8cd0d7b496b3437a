// Reads what remote/run-all.sh --frames prints, as it comes. See remote/README.md, "Frames".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/evidence/node_evidence.h"

namespace passthrough {

// Bytes of one probe's stdout and stderr that remote/run-all.sh passes on at most.
inline constexpr size_t kMostProbeOutput = 4u << 20;
inline constexpr size_t kMostProbeErrors = 64u << 10;

// Takes any bytes in any pieces; never throws, never keeps more than the probes may print. Belongs
// to one thread.
class FrameDecoder {
 public:
  // `probes`: those that were asked for, in that order.
  FrameDecoder(std::string nonce, std::vector<std::string> probes);

  void Feed(std::string_view bytes);

  // Every probe's frame and the end arrived, and nothing was wrong.
  bool done() const { return state_ == State::kDone; }
  // What is wrong with the bytes, in words, and at which one; empty: nothing so far. After that,
  // Feed does nothing.
  const std::string& problem() const { return problem_; }
  // How far it came, for a message: "before the first probe", "after probe pci", "in the middle of
  // probe pci's output".
  std::string Progress() const;
  // What came before the first frame (a login shell's greeting, an error), at most 2 KiB of it.
  const std::string& preface() const { return preface_; }
  // Most bytes that a well-behaved node sends.
  size_t MostBytes() const;

  // The probes that arrived; the last may be incomplete. Their `path` is empty.
  const std::vector<ProbeOutput>& outputs() const { return outputs_; }
  std::vector<ProbeOutput> TakeOutputs();

 private:
  enum class State { kPreface, kHeader, kText, kErrors, kFrameEnd, kDone, kBroken };

  void TakeLine();
  void TakeHeader(const std::vector<std::string_view>& words);
  void TakeEnd(const std::vector<std::string_view>& words);
  void Break(const std::string& problem);
  // Moves up to *wanted bytes from *bytes to `to`.
  static void Move(std::string_view* bytes, size_t* wanted, std::string* to);

  std::string nonce_;
  std::vector<std::string> probes_;
  State state_ = State::kPreface;
  std::string line_;  // the part of a header line that has come
  std::string preface_;
  size_t preface_bytes_ = 0;
  size_t offset_ = 0;       // bytes taken
  size_t text_wanted_ = 0;  // of the current frame
  size_t errors_wanted_ = 0;
  std::string problem_;
  std::vector<ProbeOutput> outputs_;
};

}  // namespace passthrough
