namespace VirtioGuest.Cosmos.Block;

/// <summary>A caller's buffer that a device may still use, and that is referred to for good.</summary>
/// <remarks>
/// A chain and no list: what an array refers to, Cosmos' collector frees if it is larger than a kilobyte.
/// </remarks>
internal sealed class LostBuffer
{
    private readonly byte[] _buffer;
    private readonly LostBuffer? _next;

    /// <summary>Keeps a buffer.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="next">Those that were lost before.</param>
    internal LostBuffer(byte[] buffer, LostBuffer? next)
    {
        _buffer = buffer;
        _next = next;
    }

    /// <summary>How many bytes were lost.</summary>
    internal ulong Length => (uint)_buffer.Length + (_next == null ? 0UL : _next.Length);
}
