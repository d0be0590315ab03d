namespace VirtioGuest.Hal;

/// <summary>
/// The name of one place in a driver that orders an access or hands memory over, so that a simulation can weaken just
/// that place and a test can show what it is for.
/// </summary>
/// <remarks>
/// Each driver numbers its own sites. On a real machine the argument is a constant that nobody reads, and costs
/// nothing.
/// </remarks>
public enum AccessSite
{
    /// <summary>A place that no test asks for.</summary>
    Unnamed = 0,
}
