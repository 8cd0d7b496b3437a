// The exceptions that stop a run. Each says what was being tried and the cause in the library's own
// words. A remote command's non-zero exit status is a value, never one of these.
#pragma once

#include <stdexcept>
#include <string>

namespace passthrough {

// Base of every exception this project throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A child process could not be started, or could not be waited for.
class ProcessError : public Error {
 public:
  using Error::Error;
};

// libvirt refused or failed; the text ends with libvirt's own message.
class LibvirtError : public Error {
 public:
  using Error::Error;
};

// An SSH connection, authentication or channel failed; the text ends with libssh's own message.
class SshError : public Error {
 public:
  using Error::Error;
};

// Evidence is missing, cut short or not in the form that its probe promises.
class EvidenceError : public Error {
 public:
  using Error::Error;
};

// A deadline passed. The text says what was waited for and the last cause seen.
class TimeoutError : public Error {
 public:
  using Error::Error;
};

// The user asked the run to stop (see interruption.h).
class InterruptedError : public Error {
 public:
  using Error::Error;
};

}  // namespace passthrough
