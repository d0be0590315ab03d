namespace VirtioGuest.Commands.FirmwareConfiguration;

/// <summary>What became of the search for a file.</summary>
public enum FirmwareFileStatus
{
    /// <summary>It was read.</summary>
    Found,

    /// <summary>The directory does not name it.</summary>
    Missing,

    /// <summary>It is longer than the caller accepts.</summary>
    TooLong,
}
