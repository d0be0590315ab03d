using System;

namespace VirtioGuest.Recording;

/// <summary>The words of a recording's text; docs/trace.md has the whole format.</summary>
/// <remarks>
/// A recording is lines of JSON: a header, then objects that say what there is and arrays that are steps, then an end
/// that counts the steps. Lines that begin with neither brace nor bracket are passed over, so that a recording can be
/// taken out of a serial log as it is.
/// </remarks>
public static class RecordingFormat
{
    /// <summary>The version of the format; a reader takes no other.</summary>
    public const int Version = 1;

    /// <summary>What the header begins with.</summary>
    public const string HeaderStart = "{\"virtioguest-recording\":";

    /// <summary>How many steps a recording has at most unless its maker says otherwise.</summary>
    public const int UsualSteps = 200_000;

    /// <summary>How many steps a reader takes; a file with more is refused.</summary>
    public const int MostSteps = 2_000_000;

    /// <summary>How many bytes one step may carry.</summary>
    public const int MostBytes = 64 * 1024;
}

/// <summary>What a step is.</summary>
public enum StepKind
{
    /// <summary>A store: the bytes are in memory, or on their way there.</summary>
    Store = 'w',

    /// <summary>A load, with the bytes that it gave.</summary>
    Load = 'r',

    /// <summary>Bytes of a buffer's data were read or written; they are not kept.</summary>
    Data = 'd',

    /// <summary>A hand-over of memory between processor and device.</summary>
    Sync = 's',

    /// <summary>A full barrier.</summary>
    Barrier = 'b',

    /// <summary>
    /// What an actor sees has changed: a store of the other side has reached it, or a line was dropped.
    /// </summary>
    View = 'v',

    /// <summary>The driver notifies the device (virtio 1.4, 2.9).</summary>
    Kick = 'k',

    /// <summary>The device notifies the driver (virtio 1.4, 2.3).</summary>
    Interrupt = 'i',

    /// <summary>Words for people.</summary>
    Note = 'n',

    /// <summary>Something that must not be.</summary>
    Failure = 'f',
}

/// <summary>Where a recording comes from, and what it can tell.</summary>
/// <param name="Title">A line for people.</param>
/// <param name="Source">Who recorded: <c>model</c>, <c>explorer</c>, <c>guest</c> or <c>vhost-user</c>.</param>
/// <param name="Actors">Who acts; a step names its actor by its place here. The first is the driver.</param>
/// <param name="HasViews">
/// Whether actors may see different things: then <see cref="StepKind.View"/> says what each of them sees, and a store
/// changes only what its own actor sees.
/// </param>
/// <param name="IsTimed">Whether times are nanoseconds; otherwise they are 0, and only the order counts.</param>
public sealed record RecordingHeader(
    string Title, string Source, string[] Actors, bool HasViews = false, bool IsTimed = false)
{
    /// <summary>What the recording shows, in some sentences; empty where the title says it.</summary>
    public string About { get; init; } = string.Empty;
}

/// <summary>A virtqueue whose memory a recording shows.</summary>
/// <param name="Index">Its index in its device.</param>
/// <param name="Name">What people call it.</param>
/// <param name="IsPacked">Its format: packed (virtio 1.4, 2.8) or split (2.7).</param>
/// <param name="Size">How many descriptors it has.</param>
/// <param name="DescriptorArea">A device address, as the next two.</param>
/// <param name="DriverArea">The available ring, or the driver event suppression structure.</param>
/// <param name="DeviceArea">The used ring, or the device event suppression structure.</param>
/// <param name="Features">The negotiated features.</param>
public sealed record RecordedQueue(
    int Index,
    string Name,
    bool IsPacked,
    int Size,
    ulong DescriptorArea,
    ulong DriverArea,
    ulong DeviceArea,
    ulong Features)
{
    private const ulong PackedFeature = 1UL << 34;

    /// <summary>
    /// Where both sides begin, in a queue that has gone on before: descriptors of a packed ring through two rounds, or
    /// the index of a split one. Nothing is in flight then.
    /// </summary>
    public int Start { get; init; }

    /// <summary>Describes a queue as driver and device have agreed on it.</summary>
    public static RecordedQueue Of(
        int index, string name, int size, ulong descriptor, ulong driver, ulong device, ulong features) =>
        new(index, name, (features & PackedFeature) != 0, size, descriptor, driver, device, features);

    /// <summary>The length of the descriptor area in bytes.</summary>
    public uint DescriptorLength => (uint)Size * 16;

    /// <summary>The length of the driver area in bytes.</summary>
    public uint DriverLength => IsPacked ? 4 : 6 + (2 * (uint)Size);

    /// <summary>The length of the device area in bytes.</summary>
    public uint DeviceLength => IsPacked ? 4 : 6 + (8 * (uint)Size);

    /// <summary>Its three areas: device addresses, and lengths in bytes.</summary>
    public (ulong Address, uint Length)[] Areas =>
        [(DescriptorArea, DescriptorLength), (DriverArea, DriverLength), (DeviceArea, DeviceLength)];

    /// <summary>Whether a range is in one of its areas.</summary>
    public bool Holds(ulong address, uint length) =>
        Holds(DescriptorArea, DescriptorLength, address, length)
        || Holds(DriverArea, DriverLength, address, length)
        || Holds(DeviceArea, DeviceLength, address, length);

    private static bool Holds(ulong start, uint size, ulong address, uint length) =>
        address >= start && address - start < size && length <= size - (address - start);
}

/// <summary>A step of a recording.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Actor">Who acts, as a place in <see cref="RecordingHeader.Actors"/>.</param>
/// <param name="Time">When, in nanoseconds; 0 where the recording is not timed.</param>
/// <param name="Address">
/// Where, as a device address; of a kick or an interrupt the queue's index; of a barrier 1 where it holds for devices
/// of a bus.
/// </param>
/// <param name="Length">How many bytes.</param>
/// <param name="Bytes">The bytes that were stored, loaded or are seen; empty elsewhere.</param>
/// <param name="Mode">
/// Of a store 1 for a release, of a load 1 for an acquire, of data 1 for writing; of a hand-over its operations, as
/// <see cref="Hal.DmaSync"/> has them.
/// </param>
/// <param name="Site">The place's number in docs/rings.md; 0 for none.</param>
/// <param name="Place">The number of the line of source, as the recording counts them; 0 for none.</param>
/// <param name="Text">Words, of a note or a failure.</param>
public readonly record struct RecordedStep(
    StepKind Kind,
    int Actor,
    ulong Time,
    ulong Address = 0,
    uint Length = 0,
    ReadOnlyMemory<byte> Bytes = default,
    int Mode = 0,
    int Site = 0,
    int Place = 0,
    string Text = "");

/// <summary>A line of source that steps come from.</summary>
/// <param name="File">From the repository's root on, with slashes.</param>
/// <param name="Line">Counted from 1.</param>
/// <param name="Method">In whose body it is.</param>
public sealed record RecordedPlace(string File, int Line, string Method);
