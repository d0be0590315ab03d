namespace VirtioGuest.LibOS.Threads;

/// <summary>
/// Ready threads. One that an interrupt woke runs before all others, because a device waits for it; having used up a
/// time slice it is a thread like any other, so that an interrupt storm cannot starve the rest.
/// </summary>
internal unsafe struct RunQueue
{
    private ThreadQueue _urgent;
    private ThreadQueue _ordinary;

    /// <summary>Whether no thread is ready.</summary>
    public readonly bool IsEmpty => _urgent.IsEmpty && _ordinary.IsEmpty;

    /// <summary>Whether a thread is ready that an interrupt woke.</summary>
    public readonly bool HasUrgent => !_urgent.IsEmpty;

    /// <summary>Adds a thread that an interrupt woke, behind others of its kind.</summary>
    public void AddUrgent(Thread* thread) => _urgent.AddLast(thread);

    /// <summary>Adds a thread behind all others.</summary>
    public void AddLast(Thread* thread) => _ordinary.AddLast(thread);

    /// <summary>
    /// Adds a thread that was preempted with a part of its time slice left, before other ordinary ones.
    /// </summary>
    public void AddPreempted(Thread* thread) => _ordinary.AddFirst(thread);

    /// <summary>Takes the thread that runs next, or null.</summary>
    public Thread* TakeNext()
    {
        Thread* thread = _urgent.TakeFirst();
        return thread != null ? thread : _ordinary.TakeFirst();
    }
}
