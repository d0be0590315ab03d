namespace VirtioGuest.Devices.Rings;

/// <summary>Whether progress on a ring went past the place that the other side asked to be told of.</summary>
public static class EventTest
{
    /// <summary>A split ring, whose indices run freely through 16 bits (virtio 1.4, 2.7.7 and 2.7.10).</summary>
    /// <param name="eventIndex">The index that the other side named.</param>
    /// <param name="newIndex">The index after the progress.</param>
    /// <param name="oldIndex">The index before it.</param>
    /// <returns>Whether an entry with that index was written.</returns>
    public static bool Split(ushort eventIndex, ushort newIndex, ushort oldIndex) =>
        (ushort)(newIndex - eventIndex - 1) < (ushort)(newIndex - oldIndex);

    /// <summary>A packed ring, whose positions run through two rounds (virtio 1.4, 2.8.10).</summary>
    /// <param name="eventPosition">The position that the other side named, 0 to twice the size - 1.</param>
    /// <param name="newPosition">The position after the progress.</param>
    /// <param name="count">How many descriptors the progress went over, at most the size.</param>
    /// <param name="size">The queue's size.</param>
    /// <returns>Whether the descriptor at that position was gone over.</returns>
    public static bool Packed(int eventPosition, int newPosition, int count, int size)
    {
        int behind = newPosition - eventPosition - 1;
        return (behind < 0 ? behind + (2 * size) : behind) < count;
    }
}
