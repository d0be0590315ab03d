namespace VirtioGuest.LibOS.Threads;

/// <summary>
/// Threads that wait for a word of memory to change, by the word's address: the waiting half of Linux' futex. Wakes in
/// the order of waiting.
/// </summary>
internal unsafe struct FutexTable
{
    /// <summary>The bits that match every waiter (FUTEX_BITSET_MATCH_ANY).</summary>
    public const uint AnyBits = 0xFFFF_FFFF;

    private const int BucketShift = 6;
    private const int BucketCount = 1 << BucketShift;

    private ThreadQueue* _buckets;

    public static ulong StoreBytes => (ulong)(BucketCount * sizeof(ThreadQueue));

    /// <summary>Starts with no waiter.</summary>
    /// <param name="store">Zeroed room for <see cref="StoreBytes"/>.</param>
    public void Initialize(void* store) => _buckets = (ThreadQueue*)store;

    public readonly void Add(Thread* thread, ulong address, uint bits)
    {
        thread->FutexAddress = address;
        thread->FutexBits = bits;
        Bucket(address)->AddLast(thread);
    }

    /// <summary>Takes a waiter out, because its time is up.</summary>
    public readonly void Remove(Thread* thread) => Bucket(thread->FutexAddress)->Remove(thread);

    /// <summary>Takes the waiter that has waited longest for an address and one of some bits, or null.</summary>
    public readonly Thread* TakeWaiter(ulong address, uint bits)
    {
        ThreadQueue* bucket = Bucket(address);
        for (Thread* thread = bucket->First; thread != null; thread = thread->Next)
        {
            if (thread->FutexAddress == address && (thread->FutexBits & bits) != 0)
            {
                bucket->Remove(thread);
                return thread;
            }
        }

        return null;
    }

    /// <summary>Lets waiters for one address wait for another.</summary>
    /// <returns>How many moved, at most <paramref name="limit"/>.</returns>
    public readonly ulong Requeue(ulong from, ulong to, ulong limit)
    {
        ulong moved = 0;
        if (from == to)
        {
            return 0;
        }

        while (moved < limit)
        {
            Thread* thread = TakeWaiter(from, AnyBits);
            if (thread == null)
            {
                break;
            }

            Add(thread, to, thread->FutexBits);
            moved++;
        }

        return moved;
    }

    private readonly ThreadQueue* Bucket(ulong address) =>
        &_buckets[((address >> 2) * 0x9E37_79B9_7F4A_7C15) >> (64 - BucketShift)];
}
