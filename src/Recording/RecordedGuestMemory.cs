using System;
using VirtioGuest.Devices.Memory;

namespace VirtioGuest.Recording;

/// <summary>A machine's memory as a device sees it, with a recorder that is told of each access.</summary>
public sealed unsafe class RecordedGuestMemory : GuestMemory
{
    private readonly GuestMemory _memory;
    private readonly MemoryRecorder _recorder;

    /// <summary>Creates the view.</summary>
    /// <param name="memory">What the device really accesses.</param>
    /// <param name="recorder">Who is told.</param>
    public RecordedGuestMemory(GuestMemory memory, MemoryRecorder recorder)
        : base(audits: true)
    {
        _memory = memory;
        _recorder = recorder;
    }

    /// <inheritdoc/>
    public override bool TryTranslate(ulong deviceAddress, ulong length, GuestAccess access, out byte* pointer) =>
        _memory.TryTranslate(deviceAddress, length, access, out pointer);

    /// <inheritdoc/>
    protected override void Audit(ulong deviceAddress, uint length, GuestAccess access) =>
        _recorder.Announce(deviceAddress, length, (access & GuestAccess.Write) != 0);
}
