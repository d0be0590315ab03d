namespace VirtioGuest.LibOS.Abi;

/// <summary>A failure that <c>libos_crash</c> brings about, so that its report can be tested.</summary>
public enum CrashKind : uint
{
    /// <summary>A page fault inside LibOS itself.</summary>
    LibOsFault = 1,

    /// <summary>A trap that nothing handles.</summary>
    UnknownTrap = 2,

    /// <summary>A frame allocation when none is left.</summary>
    OutOfFrames = 3,
}
