//! Why a pod does not come up, in the words of its own containers.

use std::fmt;

use serde_json::Value;

/// A container that crashed once may still come up: whatever it needs may be starting beside it.
const CRASHES: i64 = 2;

/// A container that keeps its pod from being ready.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::kinds::workload) struct Stuck {
    pub(in crate::kinds::workload) container: String,
    reason: String,
    /// How its last run ended.
    exit: Option<i64>,
    /// Whether waiting will not help.
    pub(in crate::kinds::workload) is_final: bool,
}

/// `container web: CrashLoopBackOff after 3 restarts, its last run ended with 1 (Error)`
impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container `{}`: {}", self.container, self.reason)?;
        match self.exit {
            Some(code) => write!(f, ", its last run ended with {code}"),
            None => Ok(()),
        }
    }
}

/// The first container of a pod that does not come up, if there is one.
pub(in crate::kinds::workload) fn stuck(pod: &Value) -> Option<Stuck> {
    let of = |list: &str| pod["status"][list].as_array().into_iter().flatten();
    of("initContainerStatuses").chain(of("containerStatuses")).find_map(of_container)
}

fn of_container(status: &Value) -> Option<Stuck> {
    let waiting = &status["state"]["waiting"];
    let reason = waiting["reason"].as_str()?;
    let restarts = status["restartCount"].as_i64().unwrap_or(0);
    let (reason, is_final) = match reason {
        "CrashLoopBackOff" => (format!("{reason} after {restarts} restarts"), restarts >= CRASHES),
        // Neither the node nor the registry was asked: nothing outside can put it right.
        "InvalidImageName" | "ErrImageNeverPull" => (told(reason, waiting), true),
        _ if reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff") => {
            (told(reason, waiting), false)
        }
        // `ContainerCreating` and `PodInitializing` are the way of every pod.
        _ => return None,
    };
    Some(Stuck {
        container: status["name"].as_str().unwrap_or_default().to_owned(),
        reason,
        exit: status["lastState"]["terminated"]["exitCode"].as_i64(),
        is_final,
    })
}

/// The reason with the kubelet's own sentence, which names images and objects and quotes no value.
fn told(reason: &str, waiting: &Value) -> String {
    let message: String = waiting["message"].as_str().unwrap_or_default().chars().take(200).collect();
    if message.is_empty() { reason.to_owned() } else { format!("{reason}: {message}") }
}

/// Why a pod that failed for good did so, where it was its own doing: an evicted one is simply replaced.
pub(in crate::kinds::workload) fn failed_by_itself(pod: &Value) -> Option<String> {
    const BY_OTHERS: &[&str] = &[
        "Evicted",
        "Preempting",
        "NodeShutdown",
        "NodeLost",
        "NodeAffinity",
        "Shutdown",
        "Terminated",
        "OutOfcpu",
        "OutOfmemory",
        "UnexpectedAdmissionError",
    ];
    let status = &pod["status"];
    let reason = status["reason"].as_str().unwrap_or("Failed");
    let by_itself = status["phase"] == "Failed" && !BY_OTHERS.contains(&reason);
    by_itself.then(|| status["message"].as_str().unwrap_or(reason).chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn waiting(reason: &str, message: &str, restarts: i64) -> Value {
        json!({"status": {"phase": "Running", "containerStatuses": [
            {"name": "ok", "state": {"running": {}}},
            {"name": "web", "restartCount": restarts, "state": {"waiting": {"reason": reason, "message": message}}, "lastState": {"terminated": {"exitCode": 3}}},
        ]}})
    }

    #[test]
    fn a_crash_loop_is_final_only_after_it_was_tried_again() {
        let told = |restarts| {
            stuck(&waiting("CrashLoopBackOff", "", restarts)).map(|found| (found.to_string(), found.is_final))
        };
        let text = |restarts| {
            format!("container `web`: CrashLoopBackOff after {restarts} restarts, its last run ended with 3")
        };
        assert_eq!(told(1), Some((text(1), false)));
        assert_eq!(told(2), Some((text(2), true)));
    }

    #[test]
    fn an_image_that_is_not_there_may_come_and_one_without_a_name_never_does() {
        let is_final = |reason| stuck(&waiting(reason, "cannot pull `web:9`", 0)).map(|found| found.is_final);
        assert_eq!(is_final("ImagePullBackOff"), Some(false));
        assert_eq!(is_final("CreateContainerConfigError"), Some(false));
        assert_eq!(is_final("InvalidImageName"), Some(true));
        assert_eq!(is_final("ContainerCreating"), None);
    }

    #[test]
    fn an_evicted_pod_is_nobodys_failure() {
        let failed = |reason: &str| failed_by_itself(&json!({"status": {"phase": "Failed", "reason": reason}}));
        assert_eq!(failed("Evicted"), None);
        assert_eq!(failed("DeadlineExceeded").as_deref(), Some("DeadlineExceeded"));
    }
}
