//! The parts of AWS that share nothing: a region belongs to one, and ARNs and hosts differ between them.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Partition {
    Aws,
    China,
    Government,
    /// The isolated regions, and the European sovereign one.
    Isolated(&'static str, &'static str),
}

/// The partition of a region.
pub fn of(region: &str) -> Partition {
    let starts = |prefix: &str| region.starts_with(prefix);
    match () {
        () if starts("cn-") => Partition::China,
        () if starts("us-gov-") => Partition::Government,
        () if starts("us-iso-") => Partition::Isolated("aws-iso", "c2s.ic.gov"),
        () if starts("us-isob-") => Partition::Isolated("aws-iso-b", "sc2s.sgov.gov"),
        () if starts("us-isof-") => Partition::Isolated("aws-iso-f", "csp.hci.ic.gov"),
        () if starts("eu-isoe-") => Partition::Isolated("aws-iso-e", "cloud.adc-e.uk"),
        () if starts("eusc-") => Partition::Isolated("aws-eusc", "amazonaws.eu"),
        () => Partition::Aws,
    }
}

impl Partition {
    /// As it stands in an ARN.
    pub fn name(self) -> &'static str {
        match self {
            Partition::Aws => "aws",
            Partition::China => "aws-cn",
            Partition::Government => "aws-us-gov",
            Partition::Isolated(name, _) => name,
        }
    }

    /// As its hosts end.
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Partition::Aws | Partition::Government => "amazonaws.com",
            Partition::China => "amazonaws.com.cn",
            Partition::Isolated(_, suffix) => suffix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_belongs_to_its_partition() {
        let seen = ["eu-west-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"].map(|region| of(region).name());
        assert_eq!(seen, ["aws", "aws-cn", "aws-us-gov", "aws-iso"]);
    }
}
