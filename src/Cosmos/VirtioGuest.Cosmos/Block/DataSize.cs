using System;
using System.Diagnostics.CodeAnalysis;

namespace VirtioGuest.Cosmos.Block;

/// <summary>The error of a buffer that does not have the size of its blocks.</summary>
internal static class DataSize
{
    /// <summary>Throws what <c>CheckDataSize</c> of Cosmos' <c>BlockDevice</c> throws.</summary>
    [DoesNotReturn]
    [SuppressMessage("Usage", "CA2201", Justification = "Callers of Cosmos' disks know this very exception.")]
    internal static void Throw() => throw new Exception("Invalid data size.");
}
