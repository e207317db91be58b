/// The two low bits of the traffic class (RFC 3168).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ecn {
    #[default]
    NotCapable,
    Capable1,
    Capable0,
    CongestionExperienced,
}

impl Ecn {
    /// Takes a whole traffic class; the six DSCP bits do not matter.
    pub fn from_traffic_class(class: u8) -> Ecn {
        match class & 0b11 {
            0b01 => Ecn::Capable1,
            0b10 => Ecn::Capable0,
            0b11 => Ecn::CongestionExperienced,
            _ => Ecn::NotCapable,
        }
    }

    pub fn bits(self) -> u8 {
        match self {
            Ecn::NotCapable => 0b00,
            Ecn::Capable1 => 0b01,
            Ecn::Capable0 => 0b10,
            Ecn::CongestionExperienced => 0b11,
        }
    }
}
