using System;

namespace VirtioGuest.Hal;

/// <summary>
/// What a call to <c>Sync</c> hands over, with the four operations and the meanings of NetBSD's <c>bus_dma(9)</c>.
/// </summary>
/// <remarks>
/// From a PRE operation until the matching POST operation the bytes belong to the device and the processor does not
/// touch them. A look that found nothing is followed by a PRE before the next POST. The rule is the same on every
/// machine; what it costs is the machine's business.
/// </remarks>
[Flags]
public enum DmaSync
{
    /// <summary>Before the device writes memory that the processor will read.</summary>
    PreRead = 1,

    /// <summary>After the device wrote memory, before the processor reads it.</summary>
    PostRead = 2,

    /// <summary>After the processor wrote memory, before the device reads it.</summary>
    PreWrite = 4,

    /// <summary>After the device read memory, before the processor writes it again.</summary>
    PostWrite = 8,
}
