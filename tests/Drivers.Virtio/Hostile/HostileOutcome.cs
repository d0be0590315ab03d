namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>What became of a hostile device.</summary>
internal enum HostileOutcome
{
    /// <summary>It was not recognised, or there was no way to it.</summary>
    Refused,

    /// <summary>The driver did not bring it up.</summary>
    NotStarted,

    /// <summary>It worked until it was stopped.</summary>
    Survived,

    /// <summary>It was found out while it worked.</summary>
    Broken,

    /// <summary>It did not confirm a reset.</summary>
    Abandoned,
}
