namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>Where the words of a buffer are in the data memory, and what they hold.</summary>
internal static class BufferWords
{
    /// <summary>The size of a word in bytes; each segment has one.</summary>
    public const uint Length = 4;

    /// <summary>How far the buffers are apart.</summary>
    public const uint Stride = 32;

    /// <summary>What the driver sends with a buffer, never zero.</summary>
    public static uint Question(int sequence) => (uint)sequence + 1;

    /// <summary>What the device writes into a writable segment of a buffer.</summary>
    /// <param name="question">What it found in the buffer; 0 where nothing is readable.</param>
    /// <param name="segment">The number of the writable segment, from 0.</param>
    public static uint Answer(uint question, int segment) => 0x5A00_0000 + (question << 8) + (uint)segment;
}
