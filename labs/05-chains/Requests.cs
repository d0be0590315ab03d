using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 5: many requests at once, which come back in any order. The text is in README.md.</summary>
public sealed class Requests : RequestQueue
{
    private VirtioFunction _device = null!;

    public override void Start(LabMachine machine, VirtioFunction device, ushort size)
    {
        _device = device;

        // Step 1: set queue 0 up with this size. Allocate memory for as many requests as fit.
        _device.Common.Write16(CommonOffset.QueueSelect, 0);
        throw new NotDoneYetException("step 1, set the queue up");
    }

    public override bool TrySubmit(ulong sector, int token)
    {
        // Step 2: find a free request; false where there is none. Fill it, publish it, notify.
        throw new NotDoneYetException("step 2, send a request");
    }

    public override bool TryComplete(out int token, out byte[]? data)
    {
        // Step 3: is there a new entry in the used ring? Which request is it? Give its token and its data back.
        throw new NotDoneYetException("step 3, take an answer");
    }
}
