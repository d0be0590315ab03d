namespace VirtioGuest.Kernel.Tests.Races;

/// <summary>How interrupts reach a service.</summary>
public enum Delivery
{
    /// <summary>Once, as soon as nobody holds the service's lock.</summary>
    Once,

    /// <summary>Twice.</summary>
    Twice,

    /// <summary>Once, and before anything happened as well.</summary>
    Early,

    /// <summary>Only after the next thing that is done.</summary>
    Late,

    /// <summary>Not at all; whoever waits looks at the clock.</summary>
    Never,
}
