using System;
using VirtioGuest.Devices.Memory;

namespace VirtioGuest.Recording;

/// <summary>A machine's memory as a device sees it, with a recorder that is told of each access.</summary>
public sealed unsafe class RecordedGuestMemory : GuestMemory
{
    private readonly GuestMemory _memory;
    private readonly MemoryRecorder _recorder;
    private readonly bool _isOnlooker;

    /// <summary>Creates the view.</summary>
    /// <param name="memory">What the device really accesses.</param>
    /// <param name="recorder">Who is told.</param>
    /// <param name="isOnlooker">Whether it is the view of somebody who only watches: a judge's looks are no steps.
    /// </param>
    public RecordedGuestMemory(GuestMemory memory, MemoryRecorder recorder, bool isOnlooker = false)
        : base(audits: true)
    {
        _memory = memory;
        _recorder = recorder;
        _isOnlooker = isOnlooker;
    }

    /// <inheritdoc/>
    public override bool TryTranslate(ulong deviceAddress, ulong length, GuestAccess access, out byte* pointer) =>
        _memory.TryTranslate(deviceAddress, length, access, out pointer);

    /// <inheritdoc/>
    protected override void Audit(ulong deviceAddress, uint length, GuestAccess access)
    {
        if (_isOnlooker)
        {
            _recorder.AnnounceOnlooker(length);
        }
        else
        {
            _recorder.Announce(deviceAddress, length, (access & GuestAccess.Write) != 0);
        }
    }
}
